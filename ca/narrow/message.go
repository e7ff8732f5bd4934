package narrow

import (
	"github.com/go-json-experiment/json"

	"mohr/ca"
	"mohr/internal/fault"
)

// Bounds of a message. They are ours: an application has some ten records.
const (
	maxMessage   = 1 << 20 // octets
	maxRecords   = 64
	maxAnswer    = 64 << 10 // of a register, octets
	maxStatement = 64 << 10 // octets
	maxDocument  = 16 << 10 // octets
)

// message is what goes to the node with the keys, as JSON.
type message struct {
	Serial string    `json:"serial"` // of the recorded intent, as ca.SerialText writes it
	Papers ca.Papers `json:"papers"`
}

// parse reads a message: one JSON document of known members, none of them
// twice, nothing behind it, all within the bounds. Every refusal is Invalid
// and quotes nothing of the message.
func parse(b []byte) (m message, err error) {
	if len(b) > maxMessage {
		return m, errMalformed()
	}
	if err := json.Unmarshal(b, &m, json.RejectUnknownMembers(true)); err != nil {
		return message{}, errMalformed()
	}
	serial, err := ca.ParseSerial(m.Serial)
	p := m.Papers
	switch {
	case err != nil || serial != m.Serial,
		p.Form != ca.PKCS10 && p.Form != ca.CRMF,
		len(p.CSR) == 0 || len(p.CSR) > ca.MaxCSR,
		len(p.Records) > maxRecords || len(p.Answers) != len(p.Records),
		len(p.Statement) > maxStatement || len(p.Document) > maxDocument:
		return message{}, errMalformed()
	}
	for _, a := range p.Answers {
		if len(a) > maxAnswer {
			return message{}, errMalformed()
		}
	}
	return m, nil
}

// bytes writes the message.
func (m message) bytes() ([]byte, error) { return json.Marshal(m) }

func errMalformed() error {
	return fault.New(fault.Invalid, "order_malformed", "this is no order of a node of this service; both nodes have to be of the same version")
}
