package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"
)

// SMTP is how a message is handed over as an e-mail (RFC 5321), to a gateway
// that carries those to phones.
type SMTP struct {
	Server       string `yaml:"server"`  // host:port
	TLS          string `yaml:"tls"`     // "starttls" (RFC 3207), "tls" from the first octet (RFC 8314), or "none", to this machine only
	From         string `yaml:"from"`    // "Mohr <mohr@portal.example>"
	To           string `yaml:"to"`      // expression: the address for the phone
	Subject      string `yaml:"subject"` // "": none
	User         string `yaml:"user"`    // "": none
	PasswordFile string `yaml:"password_file"`
}

// Bounds of an e-mail: RFC 5321, section 4.5.3.1.3, and ours.
const (
	maxAddress = 254
	maxSubject = 200
)

// checkMail collects what is wrong with a file for e-mail.
func (f *ConnectorFile) checkMail(need func(ok bool, what string, args ...any)) {
	need(f.Asks == SendingSMS, "smtp is for sms")
	host, port, err := net.SplitHostPort(f.SMTP.Server)
	n, errPort := strconv.ParseUint(port, 10, 16)
	need(err == nil && host != "" && errPort == nil && n > 0, "smtp.server is no host:port")
	need(f.SMTP.TLS == "starttls" || f.SMTP.TLS == "tls" || f.SMTP.TLS == "none" && loopback(host), "smtp.tls is neither starttls nor tls; none is for this machine alone")
	_, err = netmail.ParseAddress(f.SMTP.From)
	need(err == nil, "smtp.from is no address")
	need(f.SMTP.To != "", "smtp.to is an expression, and needed")
	need(len(f.SMTP.Subject) <= maxSubject && !strings.ContainsAny(f.SMTP.Subject, "\r\n"), "smtp.subject is of several lines or too long")
	need((f.SMTP.User == "") == (f.SMTP.PasswordFile == ""), "smtp.user and smtp.password_file belong together")
	need(f.URL == "" && f.Method == "" && f.Body == "" && f.About == "" && f.Result == "" && f.Claims == nil && f.Poll == nil && f.Statuses == nil &&
		f.Headers == nil && f.Secrets == nil && f.BearerFile == "" && f.HMAC.Header == "", "smtp stands in place of url, headers and the expressions of an answer")
}

func loopback(host string) bool { return host == "127.0.0.1" || host == "localhost" || host == "::1" }

// mail hands the message q over, once, and returns its Message-ID.
func (n *Connector) mail(ctx context.Context, q map[string]string) (string, error) {
	m, err := n.message(q)
	if err != nil {
		return "", err
	}
	client, err := n.mailClient()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.file.timeout()) // as Client.attempt, for its reason
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, m); err != nil {
		// Servers may repeat address and text in what they say; it is not passed on.
		return "", fmt.Errorf("%w: the server did not take the e-mail (%s)", errAttempt, mailReason(err))
	}
	return m.GetMessageID(), nil
}

// mailReason says at which step a server refused, and with what status.
func mailReason(err error) string {
	if send := (*mail.SendError)(nil); errors.As(err, &send) {
		return fmt.Sprintf("%s, %d", send.Reason, send.ErrorCode())
	}
	return "no connection that may be used"
}

// message writes the e-mail. The message becomes its text, and the phone one
// address: neither becomes a header of its own.
func (n *Connector) message(q map[string]string) (*mail.Msg, error) {
	to, err := text(n.plan.address, "smtp.to", map[string]any{"q": q})
	if err != nil {
		return nil, err
	}
	address, err := netmail.ParseAddress(to)
	if err != nil || address.Address != to || len(to) > maxAddress || strings.ContainsFunc(to, unprintable) {
		return nil, errors.New("the expression smtp.to gives no address")
	}
	m := mail.NewMsg()
	if err := errors.Join(m.From(n.file.SMTP.From), m.To(to)); err != nil {
		return nil, errors.New("the expression smtp.to gives no address that e-mail has")
	}
	if n.file.SMTP.Subject != "" {
		m.Subject(n.file.SMTP.Subject)
	}
	m.SetDateWithValue(n.Now())
	m.SetMessageID()
	m.SetBodyString(mail.TypeTextPlain, q["text"])
	return m, nil
}

// mailClient speaks to the server as the file says. One that offers no TLS
// where the file wants it is told neither password nor message.
func (n *Connector) mailClient() (*mail.Client, error) {
	host, port, err := net.SplitHostPort(n.file.SMTP.Server)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	conf, err := n.file.tlsConfig()
	if err != nil {
		return nil, err
	}
	conf.ServerName = host
	options := []mail.Option{mail.WithPort(number), mail.WithTimeout(n.file.timeout()), mail.WithTLSConfig(conf)}
	plain := mail.SMTPAuthPlain
	switch n.file.SMTP.TLS {
	case "tls":
		options = append(options, mail.WithSSL())
	case "starttls":
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	default:
		options, plain = append(options, mail.WithTLSPolicy(mail.NoTLS)), mail.SMTPAuthPlainNoEnc
	}
	if n.file.SMTP.User != "" {
		password, err := readSecret(n.file.SMTP.PasswordFile)
		if err != nil {
			return nil, err
		}
		options = append(options, mail.WithSMTPAuth(plain), mail.WithUsername(n.file.SMTP.User), mail.WithPassword(password))
	}
	return mail.NewClient(host, options...)
}
