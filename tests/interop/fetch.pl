# Fetches every message with Net::POP3 into files: CERTIFICATE PORT SECURITY HOW LOGIN PASSWORD DIRECTORY keep|delete.
#
# SECURITY is plain, stls or tls; HOW is USER, APOP or a SASL mechanism. With `delete` it removes everything.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Net::POP3;
use server;

my ($certificate, $port, $security, $how, $login, $password, $directory, $afterwards) = @ARGV;

sub connected {
    my @tls = $security eq "tls" ? (SSL => 1, server::believing($certificate)) : ();
    my $connection = Net::POP3->new($server::HOST, Port => $port, Timeout => $server::TIMEOUT, @tls) or server::no_tls($@);
    if ($security eq "stls") {
        $connection->starttls(server::believing($certificate)) or server::no_tls($@);
    }
    return $connection;
}

sub log_in {
    my ($connection) = @_;
    return $connection->login($login, $password) if $how eq "USER";
    return $connection->apop($login, $password) if $how eq "APOP";
    return $connection->auth(server::login($how, $login, $password));
}

my $connection = connected();
# What login and apop give is how many messages there are, and true where there are none.
log_in($connection) or server::refused($connection, $how, 1);
my ($count) = $connection->popstat;
my $sizes = $connection->list;
my $ids = $connection->uidl;
die "STAT, LIST and UIDL differ" if $count != keys %$sizes or $count != keys %$ids;
for my $number (1 .. $count) {
    my $lines = $connection->get($number) or server::refused($connection, "RETR");
    # The library takes the CR off every line, but not in TLS.
    my $message = join("", map { s/\r?\n\z/\r\n/r } @$lines);
    die "LIST says $sizes->{$number} octets, RETR brings ", length $message if length $message != $sizes->{$number};
    open(my $target, ">:raw", "$directory/$number") or die "$directory/$number: $!";
    print $target $message;
    close($target) or die "$directory/$number: $!";
    if ($afterwards eq "delete") {
        $connection->delete($number) or server::refused($connection, "DELE");
    }
}
$connection->quit;
