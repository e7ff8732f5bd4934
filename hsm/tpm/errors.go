package tpm

import (
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"mohr/internal/fault"
)

// class is what an error of the TPM means for who waits.
type class int

const (
	refused class = iota // permanent: the same request will be refused again
	busy                 // passes by itself
	lost                 // another opening may cure it
)

// classes lists the response codes (TPM 2.0 Library, Part 2, section 6.6.3)
// that are not permanent.
var classes = map[tpm2.TPMRC]class{
	tpm2.TPMRCInitialize:     lost, // it was reset and not started
	tpm2.TPMRCObjectMemory:   lost, // an opening flushes what was left behind
	tpm2.TPMRCObjectHandles:  lost,
	tpm2.TPMRCSessionMemory:  lost,
	tpm2.TPMRCSessionHandles: lost,
	tpm2.TPMRCContextGap:     lost,
	tpm2.TPMRCReferenceH0:    lost, // a handle that was there is gone
	tpm2.TPMRCReferenceH1:    lost,
	tpm2.TPMRCReferenceS0:    lost,
	tpm2.TPMRCMemory:         busy,
	tpm2.TPMRCYielded:        busy,
	tpm2.TPMRCCanceled:       busy,
	tpm2.TPMRCTesting:        busy,
	tpm2.TPMRCNVRate:         busy,
	tpm2.TPMRCNVUnavailable:  busy,
	tpm2.TPMRCRetry:          busy,
	tpm2.TPMRCLockout:        busy,
	tpm2.TPMRCReboot:         busy,
	tpm2.TPMRCFailure:        busy, // until somebody resets it
}

// classOf returns the class of an error of Device.Do.
func classOf(err error) class {
	var broke *connectionError
	if errors.As(err, &broke) {
		return lost
	}
	var code tpm2.TPMRC
	errors.As(err, &code)
	return classes[code]
}

// Lost reports whether another opening may cure err.
func Lost(err error) bool { return err != nil && classOf(err) == lost }

// Explain gives an error of Device.Do its fault, if the caller or the operator
// can do something about it; the cause stays in the chain for the log.
func Explain(err error) error {
	if _, told := fault.Of(err); err == nil || told {
		return err
	}
	var why error
	var broke *connectionError
	var code tpm2.TPMRC
	switch {
	case errors.As(err, &broke):
		why = fault.New(fault.Unavailable, "tpm_not_found", "the TPM cannot be reached; start it, or correct device in the key URI")
	case !errors.As(err, &code):
		return fmt.Errorf("tpm: %w", err)
	case errors.Is(code, tpm2.TPMRCIntegrity):
		why = fault.New(fault.Denied, "key_of_another_tpm", "this TPM did not make the key, or it was cleared since; put the TPM back that made it, or make new keys in a ceremony")
	case errors.Is(code, tpm2.TPMRCBadAuth), errors.Is(code, tpm2.TPMRCAuthFail):
		why = fault.New(fault.Denied, "tpm_owned", "the TPM's owner has a password and its storage root key is missing; create it at 0x81000001: tpm2_createprimary, tpm2_evictcontrol")
	case code == tpm2.TPMRCLockout:
		why = fault.New(fault.Unavailable, "tpm_locked_out", "the TPM refuses keys after too many failures; wait, or lift the lock: tpm2_dictionarylockout --clear-lockout")
	case classOf(err) == refused:
		why = fault.New(fault.Denied, "key_store_refused", "the key store refuses this (%[1]s); check the key store", code.Error())
	default:
		why = fault.New(fault.Unavailable, "key_unavailable", "the key store does not do its work now; try again in a minute")
	}
	return fmt.Errorf("%w: %w", why, err)
}
