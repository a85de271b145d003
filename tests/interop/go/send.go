// Sends one message with net/smtp: CERTIFICATE PORT SECURITY MECHANISM LOGIN PASSWORD REVERSE_PATH RECIPIENT FILE.
//
// SECURITY is plain, starttls or tls; MECHANISM is PLAIN, CRAM-MD5 or none.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"time"
)

const (
	// The certificate is also made for this name.
	host    = "localhost"
	timeout = 30 * time.Second
	// Exit statuses that xtask knows.
	doubted, denied = 76, 77
)

// Believes this certificate and no other, and looks at the name in it.
func believing(certificate string) (*tls.Config, error) {
	text, err := os.ReadFile(certificate)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", certificate)
	}
	return &tls.Config{RootCAs: pool, ServerName: host}, nil
}

func connect(port, security string, config *tls.Config) (*smtp.Client, error) {
	connection, err := net.DialTimeout("tcp4", net.JoinHostPort(host, port), timeout)
	if err != nil {
		return nil, err
	}
	if err := connection.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	if security == "tls" {
		connection = tls.Client(connection, config)
	}
	client, err := smtp.NewClient(connection, host)
	if err != nil {
		return nil, err
	}
	if err := client.Hello("interop.test"); err != nil {
		return nil, err
	}
	if security == "starttls" {
		return client, client.StartTLS(config)
	}
	return client, nil
}

func authentication(mechanism, login, password string) (smtp.Auth, error) {
	switch mechanism {
	case "PLAIN":
		return smtp.PlainAuth("", login, password, host), nil
	case "CRAM-MD5":
		return smtp.CRAMMD5Auth(login, password), nil
	}
	return nil, fmt.Errorf("net/smtp does not know %s", mechanism)
}

func transmit(client *smtp.Client, reversePath, recipient, file string) error {
	message, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := client.Mail(reversePath); err != nil {
		return err
	}
	if err := client.Rcpt(recipient); err != nil {
		return err
	}
	writer, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := writer.Write(message); err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	return client.Quit()
}

func run(arguments []string) error {
	if len(arguments) != 9 {
		return errors.New("nine arguments are needed")
	}
	config, err := believing(arguments[0])
	if err != nil {
		return err
	}
	client, err := connect(arguments[1], arguments[2], config)
	if err != nil {
		return err
	}
	if mechanism := arguments[3]; mechanism != "none" {
		login, err := authentication(mechanism, arguments[4], arguments[5])
		if err != nil {
			return err
		}
		if err := client.Auth(login); err != nil {
			return err
		}
	}
	return transmit(client, arguments[6], arguments[7], arguments[8])
}

func main() {
	err := run(os.Args[1:])
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	var unknown x509.UnknownAuthorityError
	var refusal *textproto.Error
	switch {
	case errors.As(err, &unknown):
		os.Exit(doubted)
	case errors.As(err, &refusal) && refusal.Code == 535:
		os.Exit(denied)
	}
	os.Exit(1)
}
