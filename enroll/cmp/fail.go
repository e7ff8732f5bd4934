package cmp

import (
	"mohr/internal/fault"
)

// Values of PKIStatus (RFC 9810 section 5.2.3).
const (
	statusAccepted  = 0
	statusRejection = 2
	statusWaiting   = 3
)

// Bits of PKIFailureInfo.
const (
	badAlg             = 0
	badMessageCheck    = 1
	badRequest         = 2
	badTime            = 3
	badCertID          = 4
	badDataFormat      = 5
	badPOP             = 9
	certRevoked        = 10
	badRecipientNonce  = 13
	badSenderNonce     = 18
	badCertTemplate    = 19
	signerNotTrusted   = 20
	transactionIDInUse = 21
	unsupportedVersion = 22
	notAuthorized      = 23
	systemUnavail      = 24
	systemFailure      = 25
)

// failBits are those of faults that say more than their kind.
var failBits = map[string]int{
	"secret_wrong":            badMessageCheck,
	"cmp_signature_wrong":     badMessageCheck,
	"cmp_algorithm":           badAlg,
	"cmp_signature_algorithm": badAlg,
	"cmp_time":                badTime,
	"cmp_malformed":           badDataFormat,
	"body_too_large":          badDataFormat,
	"csr_malformed":           badDataFormat,
	"csr_possession_unproven": badPOP,
	"crmf_malformed":          badCertTemplate,
	"key_unsupported":         badCertTemplate,
	"certificate_revoked":     certRevoked,
	"certificate_foreign":     signerNotTrusted,
	"cmp_recipient_nonce":     badRecipientNonce,
	"cmp_sender_nonce":        badSenderNonce,
	"cmp_transaction_in_use":  transactionIDInUse,
	"cmp_version":             unsupportedVersion,
	"cmp_certificate_other":   badCertID,
}

// failBit returns the bit that comes closest to a fault.
func failBit(f *fault.Fault) int {
	if bit, ok := failBits[f.Code()]; ok {
		return bit
	}
	switch f.Kind() {
	case fault.Denied:
		return notAuthorized
	case fault.Unavailable, fault.Limited:
		return systemUnavail
	}
	return badRequest
}
