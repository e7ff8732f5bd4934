package renew

import (
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
)

// remindDays are how many days before the end of a certificate its holder is
// reminded, largest first.
var remindDays = []int{30, 14, 7, 1}

const day = 24 * time.Hour

// dueReminder returns the days of the reminder that is due at now for a
// certificate of a person, and whether one is: of several whose time has come
// only the last. told is the days of the last one, 0 for none. None is due for
// what ended, rests, was replaced or is not renewable yet, nor in the first
// half of a certificate's life, where a short one would begin. It is pure.
func dueReminder(c ca.Certificate, rules evidence.Rules, told int, now time.Time) (days int, due bool) {
	if c.State != ca.Issued || c.Holder == "" || c.Revoked != nil || c.ReplacedBy != "" || now.After(c.NotAfter) {
		return 0, false
	}
	if renewable(c, rules) && now.Before(WindowOf(c.NotBefore, c.NotAfter, rules).Opens) {
		return 0, false
	}
	for _, n := range remindDays {
		ahead := time.Duration(n) * day
		if c.NotAfter.Sub(now) <= ahead && 2*ahead <= c.NotAfter.Sub(c.NotBefore) {
			days = n
		}
	}
	return days, days != 0 && (told == 0 || days < told)
}

// renewable reports whether the certificate can be renewed rather than
// replaced by a new application: its key is none of a device that a command alone
// can ask, and its last full proofing carries another. It is pure.
func renewable(c ca.Certificate, rules evidence.Rules) bool {
	_, last := proofDue(c, rules)
	return c.Home != evidence.Token && rules.MaxDepth > 0 && !last
}
