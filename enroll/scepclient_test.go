package enroll_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
	sstep "github.com/smallstep/scep"
	"github.com/smallstep/scep/x509util"
)

// Object identifiers of SCEP's attributes.
var (
	scepMessageType = asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 2}
	scepSenderNonce = asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 5}
	scepTransaction = asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 7}
	scepFailText    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 24, 1}
)

// scepClient writes and reads messages by smallstep's libraries, which share no
// code with the service.
type scepClient struct {
	t           testing.TB
	ra          *x509.Certificate
	cert        *x509.Certificate
	key         *rsa.PrivateKey
	transaction string
	nonce       []byte
	digest      asn1.ObjectIdentifier
}

// newSCEPClient returns one with a fresh key under a certificate of its own.
func newSCEPClient(t testing.TB, ra *x509.Certificate) *scepClient {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "client"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &scepClient{t: t, ra: ra, cert: cert, key: key, transaction: rand.Text(), nonce: random(16), digest: pkcs7.OIDDigestAlgorithmSHA256}
}

// request is a PKCS #10 request for the client's key.
func (c *scepClient) request(challenge string) []byte { return challenged(c.t, c.key, challenge) }

func challenged(t testing.TB, key any, challenge string) []byte {
	t.Helper()
	template := &x509util.CertificateRequest{ChallengePassword: challenge}
	template.Subject, template.SignatureAlgorithm = pkix.Name{CommonName: "ignored"}, x509.SHA256WithRSA
	der, err := x509util.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// envelope encrypts to the service by the cipher.
func (c *scepClient) envelope(inner []byte, cipher int) []byte {
	c.t.Helper()
	before := pkcs7.ContentEncryptionAlgorithm
	pkcs7.ContentEncryptionAlgorithm = cipher
	defer func() { pkcs7.ContentEncryptionAlgorithm = before }()
	b, err := pkcs7.Encrypt(inner, []*x509.Certificate{c.ra})
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// message is a pkiMessage about what is inside, encrypted by AES-256.
func (c *scepClient) message(kind sstep.MessageType, inner []byte) []byte {
	return c.signed(kind, c.envelope(inner, pkcs7.EncryptionAlgorithmAES256CBC))
}

// signed is a pkiMessage with a pkcsPKIEnvelope.
func (c *scepClient) signed(kind sstep.MessageType, envelope []byte) []byte {
	c.t.Helper()
	sd, err := pkcs7.NewSignedData(envelope)
	if err != nil {
		c.t.Fatal(err)
	}
	sd.SetDigestAlgorithm(c.digest)
	err = sd.AddSigner(c.cert, c.key, pkcs7.SignerInfoConfig{ExtraSignedAttributes: []pkcs7.Attribute{
		{Type: scepTransaction, Value: c.transaction}, {Type: scepMessageType, Value: string(kind)}, {Type: scepSenderNonce, Value: c.nonce},
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := sd.Finish()
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// scepAnswer is what a client makes of a CertRep.
type scepAnswer struct {
	status sstep.PKIStatus
	info   sstep.FailInfo
	text   string
	cert   *x509.Certificate
}

// read checks that the answer is ours, to this message.
func (c *scepClient) read(raw []byte) (a scepAnswer) {
	c.t.Helper()
	m, err := sstep.ParsePKIMessage(raw, sstep.WithCACerts([]*x509.Certificate{c.ra}))
	if err != nil {
		c.t.Fatalf("the answer: %v", err)
	}
	if m.MessageType != sstep.CertRep || string(m.TransactionID) != c.transaction || string(m.RecipientNonce) != string(c.nonce) {
		c.t.Errorf("the answer is to another message: %s %s %x", m.MessageType, m.TransactionID, m.RecipientNonce)
	}
	a.status, a.info = m.PKIStatus, m.FailInfo
	p7, err := pkcs7.Parse(raw)
	if err != nil {
		c.t.Fatal(err)
	}
	switch a.status {
	case sstep.FAILURE:
		if err := p7.UnmarshalSignedAttribute(scepFailText, &a.text); err != nil || a.text == "" {
			c.t.Errorf("no reason: %v", err)
		}
	case sstep.SUCCESS:
		if err := m.DecryptPKIEnvelope(c.cert, c.key); err != nil {
			c.t.Fatal(err)
		}
		a.cert = m.Certificate
	}
	if a.status != sstep.SUCCESS && len(p7.Content) > 0 {
		c.t.Error("an answer without a certificate has a content")
	}
	return a
}
