package hsm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mohr/internal/fault"
)

// A PKCS#11 return value reaches us as text: the type of the binding's errors
// exists only with cgo, and the KMS wraps some by their text alone.

// tokenLost are the return values (PKCS#11 v2.40 section 5.1) after which
// sessions, logins or handles may be gone, and fresh ones may work.
var tokenLost = []string{
	"CKR_SESSION_HANDLE_INVALID", "CKR_SESSION_CLOSED", "CKR_USER_NOT_LOGGED_IN",
	"CKR_KEY_HANDLE_INVALID", "CKR_OBJECT_HANDLE_INVALID", "CKR_CRYPTOKI_NOT_INITIALIZED",
	"CKR_DEVICE_REMOVED", "CKR_DEVICE_ERROR", "CKR_TOKEN_NOT_PRESENT", "CKR_TOKEN_NOT_RECOGNIZED",
	"CKR_SLOT_ID_INVALID", "CKR_GENERAL_ERROR", "CKR_FUNCTION_FAILED",
}

// tokenBusy are those that may pass by themselves. All others are permanent:
// the token would refuse the same again.
var tokenBusy = []string{
	"CKR_DEVICE_MEMORY", "CKR_HOST_MEMORY", "CKR_SESSION_COUNT", "CKR_FUNCTION_CANCELED", "CKR_OPERATION_ACTIVE", "CKR_CANT_LOCK",
}

// returnValue is the name of a PKCS#11 return value inside err's text, or "".
func returnValue(err error) string {
	if err == nil {
		return ""
	}
	return regexp.MustCompile(`CKR_[A-Z0-9_]+`).FindString(err.Error())
}

// lost reports whether err may be cured by opening the token again.
func (t *token) lost(err error) bool {
	if _, told := fault.Of(err); err == nil || told {
		return false
	}
	return slices.Contains(tokenLost, returnValue(err)) || strings.Contains(err.Error(), "context is closed")
}

// pinRefused reports whether the token did not let us in, and would lock if
// asked again.
func pinRefused(err error) bool { return strings.HasPrefix(returnValue(err), "CKR_PIN_") }

func errPIN() error {
	return fault.New(fault.Denied, "token_pin_refused", "the token refuses the PIN in the file named by pin-source; correct the file, it is not tried again as it is")
}

func errModule() error {
	return fault.New(fault.Unavailable, "pkcs11_module_missing", "the PKCS#11 module named by module-path cannot be loaded; install it (SoftHSM on Debian: softhsm2) or correct the path")
}

// explain gives an error of the KMS its fault; the cause stays in the chain
// for the log.
func (t *token) explain(err error) error {
	if _, told := fault.Of(err); err == nil || told {
		return err
	}
	var why error
	switch value := returnValue(err); {
	case strings.Contains(err.Error(), "could not find PKCS#11 token"):
		why = fault.New(fault.Unavailable, "token_not_found", "the module shows no such token; insert or start it, or correct the key URI")
	case strings.Contains(err.Error(), "failed to open module"):
		why = errModule()
	case pinRefused(err):
		why = errPIN()
	case t.lost(err), slices.Contains(tokenBusy, value):
		why = fault.New(fault.Unavailable, "key_unavailable", "the key store does not do its work now; try again in a minute")
	case value != "":
		why = fault.New(fault.Denied, "key_store_refused", "the key store refuses this (%[1]s); check the key store", value)
	default:
		return fmt.Errorf("pkcs11: %w", err)
	}
	return fmt.Errorf("%w: %w", why, err)
}
