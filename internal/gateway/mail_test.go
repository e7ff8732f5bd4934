package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// mailServer is a real SMTP server that keeps what it is told.
type mailServer struct {
	addr   string
	root   string        // file with its certificate
	refuse error         // what it says to RCPT; nil: it takes all
	hangs  chan struct{} // not nil: no mail is taken until it is closed

	mu    sync.Mutex
	told  []string // users and senders, in the order in which they came
	mails []string // recipient, then the message
}

// session is one conversation with it.
type mailSession struct {
	s    *mailServer
	conn *smtp.Conn
	to   string
}

func (s *mailServer) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, fmt.Sprintf(format, args...))
}

func (m *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }
func (m *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		_, secure := m.conn.TLSConnectionState()
		m.s.note("user %s, TLS %v", user, secure)
		if password != "right" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}
func (m *mailSession) Reset()        {}
func (m *mailSession) Logout() error { return nil }
func (m *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	m.s.note("from %s", from)
	return nil
}
func (m *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	m.to = to
	return m.s.refuse
}
func (m *mailSession) Data(r io.Reader) error {
	if m.s.hangs != nil {
		<-m.s.hangs
	}
	b, err := io.ReadAll(r)
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	m.s.mails = append(m.s.mails, m.to, string(b))
	return err
}

// newMailServer serves on a loopback port; mode is as smtp.tls, or "plain" for
// a server that offers no TLS.
func newMailServer(t *testing.T, mode string, edit func(*mailServer)) *mailServer {
	t.Helper()
	s := &mailServer{root: filepath.Join(t.TempDir(), "root.pem")}
	if edit != nil {
		edit(s)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{certificateFor(t, s.root)}}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &mailSession{s: s, conn: c}, nil }))
	server.Domain, server.AllowInsecureAuth = "localhost", true
	if mode == "starttls" {
		server.TLSConfig = conf
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if mode == "tls" {
		l = tls.NewListener(l, conf)
	}
	go server.Serve(l) // ends with Close
	t.Cleanup(func() { server.Close() })
	return s
}

// certificateFor makes a certificate for 127.0.0.1 and writes it to the file.
func certificateFor(t *testing.T, file string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// mailFile is a connector file for the server.
func mailFile(t *testing.T, server, root, mode, password string, edits ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	b := connectorFile(t, "sms-mail", "mail.example:587", server, "tls: starttls", "tls: "+mode, "/etc/mohr/password", file, "/etc/mohr/root.pem", root)
	return []byte(strings.NewReplacer(edits...).Replace(string(b)))
}

func TestAMessageGoesByEMail(t *testing.T) {
	const text = "مُهر: کد شما ۱۲۳۴۵۶ است.\r\nBcc: all@example.com\r\n.\r\nFrom here on"
	for _, mode := range []string{"starttls", "tls", "none"} {
		t.Run(mode, func(t *testing.T) {
			s := newMailServer(t, mode, nil)
			n := mustConnector(t, mailFile(t, s.addr, s.root, mode, "right\n"))
			a, err := n.SMS(t.Context(), mobile, text)
			if err != nil || a.Value.ID == "" || a.Source != "sms-mail@1" {
				t.Fatalf("got %+v, %v", a, err)
			}
			if want := []string{fmt.Sprintf("user mohr, TLS %v", mode != "none"), "from mohr@portal.example"}; fmt.Sprint(s.told) != fmt.Sprint(want) {
				t.Errorf("told %v, want %v", s.told, want)
			}
			if len(s.mails) != 2 || s.mails[0] != "989121234567@phones.example" {
				t.Fatalf("mails %q", s.mails)
			}
			m, err := mail.ReadMessage(strings.NewReader(s.mails[1]))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
			if err != nil || strings.TrimRight(string(body), "\r\n") != text {
				t.Errorf("the text is %q, %v", body, err)
			}
			if m.Header.Get("Bcc") != "" || m.Header.Get("To") != "<989121234567@phones.example>" || m.Header.Get("Subject") != "Mohr" {
				t.Errorf("headers %v", m.Header)
			}
			trial, err := n.Try(t.Context(), map[string]string{"to": mobile, "text": "x"})
			if err != nil || trial.Result != gateway.Match || len(s.mails) != 4 {
				t.Errorf("a trial: %+v, %v", trial, err)
			}
		})
	}
}

func mustConnector(t *testing.T, b []byte) *gateway.Connector {
	t.Helper()
	n, err := gateway.NewConnector(b, gateway.ConnectorConfig{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, b)
	}
	return n
}

// TestAnEMailThatIsNotTakenIsUnavailable, is tried once, and its text, its
// address and the password go nowhere else.
func TestAnEMailThatIsNotTakenIsUnavailable(t *testing.T) {
	over := make(chan struct{})
	defer close(over)
	for _, tt := range []struct {
		name, server, asked, password string
		edit                          func(*mailServer)
		root                          bool // another root than the server's
		told                          int  // what the server learned
		edits                         []string
	}{
		{name: "a server that offers no TLS", server: "plain", asked: "starttls", password: "right"},
		{name: "a server that speaks no TLS at once", server: "plain", asked: "tls", password: "right"},
		{name: "a server of another root", server: "starttls", asked: "starttls", password: "right", root: true},
		{name: "a wrong password", server: "starttls", asked: "starttls", password: "wrong", told: 1},
		{name: "no password", server: "starttls", asked: "starttls", password: ""},
		{name: "an address that it does not know", server: "starttls", asked: "starttls", password: "right", told: 2,
			edit: func(s *mailServer) {
				s.refuse = &smtp.SMTPError{Code: 550, Message: "no 989121234567@phones.example here"}
			}},
		{name: "a slow server", server: "starttls", asked: "starttls", password: "right", told: 2,
			edit: func(s *mailServer) { s.hangs = over }, edits: []string{"asks: sms", "asks: sms\ntimeout: 3s"}},
		{name: "an address with a line of its own", server: "starttls", asked: "starttls", password: "right", edits: []string{`"@phones.example"`, `"@phones.example\r\nBcc: a@b.example"`}},
		{name: "two addresses", server: "starttls", asked: "starttls", password: "right", edits: []string{`"@phones.example"`, `"@phones.example, a@b.example"`}},
		{name: "no address", server: "starttls", asked: "starttls", password: "right", edits: []string{`"@phones.example"`, `""`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newMailServer(t, tt.server, tt.edit)
			root := s.root
			if tt.root {
				root = filepath.Join(t.TempDir(), "other.pem")
				certificateFor(t, root)
			}
			_, err := mustConnector(t, mailFile(t, s.addr, root, tt.asked, tt.password, tt.edits...)).SMS(t.Context(), mobile, "code 123456")
			if !errors.Is(err, fault.Unavailable) {
				t.Fatalf("got %v", err)
			}
			for _, secret := range []string{"989121234567", "123456", "wrong"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%q is in the error: %v", secret, err)
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.told) != tt.told || tt.edit == nil && len(s.mails) > 0 {
				t.Errorf("the server was told %v %q", s.told, s.mails)
			}
		})
	}
}

func TestFilesForEMailThatAreRefused(t *testing.T) {
	for name, edit := range map[string][]string{
		"no TLS to elsewhere":        {"tls: starttls", "tls: none"},
		"TLS as it comes":            {"tls: starttls", "tls: maybe"},
		"no port":                    {"mail.example:587", "mail.example"},
		"no sender":                  {"from: Mohr <mohr@portal.example>", "from: Mohr"},
		"no receiver":                {"  to:", "  # to:"},
		"a subject of several lines": {"subject: Mohr", `subject: "a\r\nBcc: b@c.example"`},
		"a user without a password":  {"  password_file:", "  # password_file:"},
		"an address of HTTP too":     {"asks: sms", "asks: sms\nurl: https://gateway.example/"},
		"a result":                   {"asks: sms", "asks: sms\nresult: '\"match\"'"},
		"a registry by e-mail":       {"asks: sms", "asks: civil_registry"},
		"a receiver of a number":     {`q.to.substring(1) + "@phones.example"`, "7"},
	} {
		t.Run(name, func(t *testing.T) {
			b := connectorFile(t, "sms-mail", append([]string{"root_file: /etc/mohr/root.pem\n", ""}, edit...)...)
			if !strings.Contains(string(connectorFile(t, "sms-mail")), edit[0]) {
				t.Fatal("the edit changes nothing")
			}
			if _, err := gateway.NewConnector(b, gateway.ConnectorConfig{}); err == nil {
				t.Errorf("it was taken:\n%s", b)
			}
		})
	}
}
