# Sends one message with Net::SMTP: CERTIFICATE PORT SECURITY MECHANISM LOGIN PASSWORD REVERSE_PATH RECIPIENT FILE.
#
# SECURITY is plain, starttls or tls; MECHANISM is PLAIN, LOGIN, CRAM-MD5 or none.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Net::SMTP;
use server;

my ($certificate, $port, $security, $mechanism, $login, $password, $reverse_path, $recipient, $file) = @ARGV;

sub connected {
    my @tls = $security eq "tls" ? (SSL => 1, server::believing($certificate)) : ();
    my $connection = Net::SMTP->new($server::HOST, Port => $port, Hello => "interop.test", Timeout => $server::TIMEOUT, @tls)
        or server::no_tls($@);
    if ($security eq "starttls") {
        $connection->starttls(server::believing($certificate)) or server::no_tls($@);
    }
    return $connection;
}

open(my $source, "<:raw", $file) or die "$file: $!";
my $message = do { local $/; <$source> };
my $connection = connected();
if ($mechanism ne "none") {
    $connection->auth(server::login($mechanism, $login, $password)) or server::refused($connection, "AUTH", 1);
}
$connection->mail($reverse_path, Bits => 8) or server::refused($connection, "MAIL");
$connection->to($recipient) or server::refused($connection, "RCPT");
$connection->data($message) or server::refused($connection, "DATA");
$connection->quit;
