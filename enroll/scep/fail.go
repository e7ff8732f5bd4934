package scep

import "mohr/internal/fault"

// Values of pkiStatus and failInfo (RFC 8894 sections 3.2.1.3 and 3.2.1.4).
const (
	success = "0"
	failure = "2"
	pending = "3"

	badAlg          = "0"
	badMessageCheck = "1"
	badRequest      = "2"
	badCertID       = "4"
)

// failInfos are those of faults that say more than badRequest.
var failInfos = map[string]string{
	"scep_key":            badAlg,
	"scep_envelope":       badAlg,
	"scep_unopened":       badMessageCheck,
	"secret_wrong":        badMessageCheck,
	"scep_secret_missing": badMessageCheck,
	"certificate_foreign": badMessageCheck,
	"certificate_unknown": badCertID,
}

// failInfo returns the one that comes closest to a fault.
func failInfo(f *fault.Fault) string {
	if info, ok := failInfos[f.Code()]; ok {
		return info
	}
	return badRequest
}

// errUnopened is the one answer to what cannot be opened, or holds no request
// that the signer's key proves.
func errUnopened() error {
	return fault.New(fault.Invalid, "scep_unopened", "the message does not open with our key, or holds no PKCS #10 request that its key and the message's signer prove; fetch our certificate with GetCACert and encrypt to it")
}
