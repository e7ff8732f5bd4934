package attest

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
)

// Extensions of attestation certificates of YubiKeys: PIV attestation, as
// Yubico documents it. Firmware and policy are octets as they are, the serial
// number is an INTEGER.
var (
	oidFirmware = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 3} // three octets: 5, 4, 3
	oidSerial   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 7} // absent where the device hides it
	oidPolicy   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 8} // two octets: PIN, touch
)

// pinPolicies and touchPolicies say when the device asks.
var (
	pinPolicies   = map[byte]string{1: "never", 2: "once", 3: "always", 4: "match-once", 5: "match-always"}
	touchPolicies = map[byte]string{1: "never", 2: "always", 3: "cached"}
)

// yubico is what an attestation certificate says beside its key.
type yubico struct {
	firmware [3]byte
	serial   int64 // 0: not said
	pin      string
	touch    string
}

// parseYubico reads the extensions. Firmware and policy must be there, each
// extension once (RFC 5280 section 4.2), none critical.
func parseYubico(c *x509.Certificate) (y yubico, err error) {
	refused := errMalformed("the attestation certificate")
	seen := map[string]bool{}
	for _, e := range c.Extensions {
		id := e.Id.String()
		if !strings.HasPrefix(id, "1.3.6.1.4.1.41482.3.") {
			continue
		}
		if seen[id] || e.Critical {
			return y, refused
		}
		seen[id] = true
		ok := true
		switch {
		case e.Id.Equal(oidFirmware):
			ok = len(e.Value) == 3
			copy(y.firmware[:], e.Value)
		case e.Id.Equal(oidSerial):
			in := cryptobyte.String(e.Value)
			ok = in.ReadASN1Integer(&y.serial) && in.Empty() && y.serial >= 0
		case e.Id.Equal(oidPolicy):
			if ok = len(e.Value) == 2; ok {
				y.pin, y.touch = pinPolicies[e.Value[0]], touchPolicies[e.Value[1]]
				ok = y.pin != "" && y.touch != ""
			}
		}
		if !ok {
			return y, refused
		}
	}
	if !seen[oidFirmware.String()] || y.pin == "" {
		return y, refused
	}
	return y, nil
}

// String is the traits of a key.
func (y yubico) String() string {
	return fmt.Sprintf("YubiKey %d.%d.%d, PIN %s, touch %s", y.firmware[0], y.firmware[1], y.firmware[2], y.pin, y.touch)
}
