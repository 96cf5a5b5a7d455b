// An ESME of node-smpp: answers the last text it is given, waits for the receipt, and leaves.
// Arguments: port, system_id, password, how many texts come, the answer. Lines of JSON on stdout
// tell all it heard.
'use strict';
const smpp = require('smpp');

const [port, systemId, password, texts, answer] = process.argv.slice(2);
let missing = Number(texts);

function tell(heard, more) {
  process.stdout.write(JSON.stringify({heard, ...more}) + '\n');
}

const session = smpp.connect({url: `smpp://127.0.0.1:${port}`}, () => {
  session.bind_transceiver({system_id: systemId, password});
});
session.on('error', (error) => tell('error', {why: error.message}));
session.on('close', () => tell('close'));
session.on('pdu', (pdu) => {
  if (pdu.command === 'deliver_sm') return delivered(pdu);
  tell(pdu.command, {
    status: pdu.command_status, system_id: pdu.system_id, message_id: pdu.message_id,
  });
  if (pdu.command === 'unbind_resp' || pdu.command_status) return session.close();
  if (pdu.command === 'bind_transceiver_resp') session.enquire_link();
});

function delivered(pdu) {
  const isReceipt = pdu.esm_class === smpp.ESM_CLASS.MC_DELIVERY_RECEIPT;
  const known = {source: pdu.source_addr, destination: pdu.destination_addr};
  const text = pdu.short_message.message;
  if (isReceipt) {
    const {receipted_message_id: id, message_state: state} = pdu;
    tell('receipt', {...known, id, state, words: text});
  } else {
    tell('text', {...known, text});
  }
  session.send(pdu.response());
  if (isReceipt) return session.unbind();
  if (--missing) return;
  session.submit_sm({
    source_addr_ton: 1, source_addr_npi: 1, source_addr: pdu.destination_addr,
    dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: pdu.source_addr,
    registered_delivery: smpp.REGISTERED_DELIVERY.FINAL,
    data_coding: 0,
    short_message: answer,
  });
}
