#!/usr/bin/perl
# An SMSC of Net::SMPP on a free port of loopback. Lines of JSON on stdin tell it what to send,
# lines of JSON on stdout tell what it heard. Arguments: command_status of the first submit_sm's.
use strict;
use warnings;
use Encode qw(decode encode);
use IO::Select;
use JSON::PP;
use Net::SMPP;

use constant { DELIVERY_RECEIPT => 0x04, DELIVERED => 2, UCS2 => 8 };
my %ALPHABET = (0 => 'gsm0338', UCS2, 'UTF-16BE');
my @ADDRESSES =
    (source_addr_ton => 1, source_addr_npi => 1, dest_addr_ton => 1, dest_addr_npi => 1);

my @statuses = @ARGV;
my ($submits, $receiver) = (0);    # the receiver is where deliver_sm goes
$| = 1;

sub tell_of {
    my ($heard, %more) = @_;
    print encode_json({ heard => $heard, %more }), "\n";
}

my $listener = Net::SMPP->new_listen('127.0.0.1', port => 0, smpp_version => 0x34)
    or die "no port: $!";
my $select = IO::Select->new($listener, \*STDIN);
tell_of('listening', port => $listener->sockport);

sub submitted {
    my ($session, $pdu) = @_;
    my $status = shift @statuses || 0;
    tell_of(
        'submit_sm',
        status              => $status,
        source              => $pdu->{source_addr},
        destination         => $pdu->{destination_addr},
        data_coding         => $pdu->{data_coding},
        registered_delivery => $pdu->{registered_delivery},
        text                => decode($ALPHABET{ $pdu->{data_coding} }, $pdu->{short_message}),
    );
    my $id = 'perl-' . ++$submits;
    $session->submit_sm_resp(message_id => $id, seq => $pdu->{seq}, status => $status);
    return if $status || !($pdu->{registered_delivery} & 1);
    $receiver->deliver_sm(
        @ADDRESSES,
        source_addr      => $pdu->{destination_addr},
        destination_addr => $pdu->{source_addr},
        esm_class        => DELIVERY_RECEIPT,
        short_message    => "id:$id sub:001 dlvrd:001 submit date:2601020304"
            . ' done date:2601020305 stat:DELIVRD err:000 text:',
        receipted_message_id => "$id\0",
        message_state        => chr(DELIVERED),
        async                => 1,
    );
}

sub closed {
    my ($session) = @_;
    $select->remove($session);
    $session->close;
    tell_of('close');
}

sub heard {
    my ($session) = @_;
    my $pdu = $session->read_pdu or return closed($session);
    my $command = $pdu->explain_cmd;
    return submitted($session, $pdu) if $command eq 'submit_sm';
    tell_of(
        $command,
        status    => $pdu->status,
        system_id => $pdu->{system_id},
        password  => $pdu->{password},
    );
    return if $pdu->cmd & 0x80000000;
    my $answer = "${command}_resp";
    my @body = $command =~ /^bind/ ? (system_id => 'Net::SMPP') : ();
    $session->$answer(@body, seq => $pdu->seq);
    $receiver = $session if $command =~ /^bind_(receiver|transceiver)$/;
    closed($session) if $command eq 'unbind';
}

my %orders = (
    text => sub {
        my ($order) = @_;
        my $ascii = $order->{text} =~ /^[\x20-\x7e]*$/;
        $receiver->deliver_sm(
            @ADDRESSES,
            source_addr      => $order->{source},
            destination_addr => $order->{destination},
            data_coding      => $ascii ? 0 : UCS2,
            short_message    => $ascii ? $order->{text} : encode('UTF-16BE', $order->{text}),
            async            => 1,
        );
    },
    enquire => sub { $_->enquire_link(async => 1) for sessions() },
);

sub sessions {
    return grep { $_ != $listener && $_ != \*STDIN } $select->handles;
}

my $rest = '';
while (1) {
    for my $ready ($select->can_read) {
        if ($ready == \*STDIN) {
            sysread(STDIN, $rest, 65536, length $rest) or exit;
            while ($rest =~ s/^(.*)\n//) {
                my $order = decode_json($1);
                $orders{ $order->{send} }->($order);
            }
        }
        elsif ($ready == $listener) {
            $select->add(scalar $listener->accept);
        }
        else {
            heard($ready);
        }
    }
}
