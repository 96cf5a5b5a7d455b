// An SMSC of node-smpp on a free port of loopback. Lines of JSON on stdin tell it what to send,
// lines of JSON on stdout tell what it heard. Arguments: command_status of the first submit_sm's.
'use strict';
const readline = require('readline');
const smpp = require('smpp');

const statuses = process.argv.slice(2).map(Number);
let receiver = null; // where deliver_sm goes
let submits = 0;

function tell(heard, more) {
  process.stdout.write(JSON.stringify({heard, ...more}) + '\n');
}

const ADDRESSES = {source_addr_ton: 1, source_addr_npi: 1, dest_addr_ton: 1, dest_addr_npi: 1};

function sendReceipt(submit, id) {
  receiver.deliver_sm({
    ...ADDRESSES,
    source_addr: submit.destination_addr,
    destination_addr: submit.source_addr,
    esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT,
    data_coding: 0,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:2601020304 done date:2601020305 ` +
      'stat:DELIVRD err:000 text:',
    receipted_message_id: id,
    message_state: smpp.MESSAGE_STATE.DELIVERED,
  });
}

function submitted(session, pdu) {
  const status = statuses.shift() || 0;
  tell('submit_sm', {
    status,
    source: pdu.source_addr,
    destination: pdu.destination_addr,
    data_coding: pdu.data_coding,
    registered_delivery: pdu.registered_delivery,
    text: pdu.short_message.message,
  });
  const id = `node-${++submits}`;
  session.send(pdu.response({command_status: status, message_id: id}));
  if (!status && pdu.registered_delivery & 1) sendReceipt(pdu, id);
}

const server = smpp.createServer((session) => {
  session.on('error', (error) => tell('error', {why: error.message}));
  session.on('close', () => tell('close'));
  session.on('pdu', (pdu) => {
    if (pdu.command === 'submit_sm') return submitted(session, pdu);
    tell(pdu.command, {
      status: pdu.command_status, system_id: pdu.system_id, password: pdu.password,
    });
    if (pdu.isResponse()) return;
    session.send(pdu.response({system_id: 'node-smpp'}));
    if (['bind_receiver', 'bind_transceiver'].includes(pdu.command)) receiver = session;
    if (pdu.command === 'unbind') session.close();
  });
});

const orders = {
  text({source, destination, text}) {
    receiver.deliver_sm({
      ...ADDRESSES, source_addr: source, destination_addr: destination, short_message: text,
    });
  },
  enquire() {
    for (const session of server.sessions) session.enquire_link();
  },
};

readline.createInterface({input: process.stdin})
  .on('line', (line) => {
    const order = JSON.parse(line);
    orders[order.send](order);
  })
  .on('close', () => process.exit());
server.listen(0, '127.0.0.1', () => tell('listening', {port: server.address().port}));
