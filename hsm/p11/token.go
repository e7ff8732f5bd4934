//go:build cgo && !nopkcs11

package p11

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/miekg/pkcs11"
)

// Token is one token of a module, logged in to. It is safe for concurrent use.
//
// The KMS may have the same module open. Then most are initialized already, and
// a login is the process's (PKCS#11 v2.40 section 5.6): when the KMS finalizes
// them, operations fail with CKR_CRYPTOKI_NOT_INITIALIZED. Some, as p11-kit's
// client, are another module to each who opens them: those we initialize, log
// in to and finalize ourselves.
type Token struct {
	module *pkcs11.Ctx
	own    bool // initialized here
	slot   uint
	stays  pkcs11.SessionHandle
	wrap   uint // the mechanism with which new keys are wrapped; 0: it has none
}

// Where says which token is meant: exactly one field is set.
type Where struct{ Label, Serial, Slot string }

// Open finds the token in the module and logs in. Close it.
func Open(path string, w Where, pin string) (*Token, error) {
	module := pkcs11.New(path)
	if module == nil {
		return nil, errors.New("failed to open module")
	}
	t := &Token{module: module}
	switch err := module.Initialize(); {
	case err == nil:
		t.own = true
	case !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)):
		module.Destroy()
		return nil, fmt.Errorf("initialize module: %w", err)
	}
	err := t.find(w)
	if err == nil {
		err = t.login(pin)
	}
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// login opens a session that stays, for a login ends with the last one.
func (t *Token) login(pin string) error {
	s, err := t.module.OpenSession(t.slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return fmt.Errorf("open session: %w", err)
	}
	err = t.module.Login(s, pkcs11.CKU_USER, pin)
	if err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		return errors.Join(fmt.Errorf("login: %w", err), t.module.CloseSession(s))
	}
	t.stays = s
	return nil
}

// Close gives the module back.
func (t *Token) Close() (err error) {
	if t.stays != 0 {
		err = t.module.CloseSession(t.stays)
	}
	if t.own {
		err = errors.Join(err, t.module.Finalize())
	}
	t.module.Destroy()
	return err
}

func (t *Token) find(w Where) error {
	slots, err := t.module.GetSlotList(true)
	if err != nil {
		return fmt.Errorf("list slots: %w", err)
	}
	for _, slot := range slots {
		info, err := t.module.GetTokenInfo(slot)
		if err != nil {
			continue // of another token, it may be
		}
		if (Where{info.Label, "", ""}) == w || (Where{"", info.SerialNumber, ""}) == w || (Where{"", "", strconv.FormatUint(uint64(slot), 10)}) == w {
			t.slot = slot
			t.wrap = t.mechanism()
			return nil
		}
	}
	return errors.New("could not find PKCS#11 token")
}

// mechanism returns the first of ours that the token wraps with.
func (t *Token) mechanism() uint {
	for _, m := range mechanisms {
		info, err := t.module.GetMechanismInfo(t.slot, []*pkcs11.Mechanism{pkcs11.NewMechanism(m, nil)})
		if err == nil && info.Flags&pkcs11.CKF_WRAP != 0 && info.Flags&pkcs11.CKF_UNWRAP != 0 {
			return m
		}
	}
	return 0
}

// within runs op in a session, with which all goes that op made in it.
func within[T any](t *Token, op func(pkcs11.SessionHandle) (T, error)) (got T, err error) {
	s, err := t.module.OpenSession(t.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return got, fmt.Errorf("open session: %w", err)
	}
	got, err = op(s)
	return got, errors.Join(err, t.module.CloseSession(s))
}
