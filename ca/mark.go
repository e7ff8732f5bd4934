package ca

import (
	"time"

	"mohr/internal/store"
)

// MarkRenewNowIn marks an issued certificate to be renewed at once because of
// the plan, or takes the mark away; it reports whether that changed anything.
// One that has ended, is marked already or was replaced stays as it is.
func MarkRenewNowIn(tx store.Tx, serial, plan string, on bool, now time.Time) (changed bool, err error) {
	c, err := LoadCertificate(tx, serial)
	if err != nil || c.State != Issued || c.Ended() || (c.RenewNow != nil) == on || on && c.ReplacedBy != "" {
		return false, err
	}
	c.RenewNow = nil
	if on {
		c.RenewNow = &RenewNow{At: now, Plan: plan}
	}
	return true, saveCertificate(tx, c)
}
