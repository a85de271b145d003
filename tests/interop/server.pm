# How the scripts in Perl reach the server, and what they end with when it does not let them in.
package server;

use strict;
use warnings;

use Authen::SASL qw(Perl);
use IO::Socket::SSL qw(SSL_VERIFY_PEER);

# The certificate is also made for this name.
our $HOST = "localhost";
our $TIMEOUT = 30;

# Exit statuses that xtask knows.
our ($DOUBTED, $DENIED) = (76, 77);

# Believes this certificate and no other, and looks at the name in it.
sub believing {
    my ($certificate) = @_;
    return (
        SSL_ca_file => $certificate,
        SSL_verify_mode => SSL_VERIFY_PEER,
        SSL_verifycn_name => $HOST,
        SSL_verifycn_scheme => "smtp",
    );
}

# One mechanism, and the answers to what it asks.
sub login {
    my ($mechanism, $user, $password) = @_;
    return Authen::SASL->new(
        mechanism => $mechanism,
        callback => { user => $user, authname => "", pass => $password },
    );
}

# Ends the script with the status for it where TLS did not come about.
sub no_tls {
    my ($error) = @_;
    print STDERR "$error\n";
    exit($error =~ /certificate verify failed/ ? $DOUBTED : 1);
}

# Ends the script because of what the server last said.
sub refused {
    my ($connection, $what, $login) = @_;
    print STDERR "$what: ", $connection->code // "", " ", $connection->message // "", "\n";
    exit($login ? $DENIED : 1);
}

1;
