package complaints

import (
	"cmp"
	"errors"
	"maps"
	"strings"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// Limits bound what one contact may do in one day (UTC). A complaint is on the
// record at once: without a bound one telephone could fill a competitor's
// record in an afternoon.
type Limits struct {
	Business int // complaints against one business; zero means 3
	Total    int // complaints in all; zero means 10
	Codes    int // codes that are sent to one contact; zero means 12
}

// contactBucket counts filings: day/kind/blind index -> number. Neither a
// contact nor which businesses it complained about can be read from it.
const contactBucket = "complaints_contacts"

// maxForgotten is how many counts of days gone by one filing deletes: more
// than it adds, so that they run out.
const maxForgotten = 16

// quota is what a filing counts against.
type quota struct {
	day               string
	business, contact []string // keys: the contact at each business, the contact in all
	limits            Limits
}

// ways returns the contact by kind, in one form each: a contact by mobile and
// e-mail is both. Mail systems tell upper from lower case before the @ if they
// like to (RFC 5321 section 2.4); none in use does, and here it would be a way
// around the limits.
func (c Contact) ways() map[string]string {
	ways := map[string]string{"mobile": c.Mobile, "email": strings.ToLower(c.Email)}
	maps.DeleteFunc(ways, func(_, value string) bool { return value == "" })
	return ways
}

// quota returns what a filing of p against the businesses at now counts
// against.
func (d *Desk) quota(businesses []string, p Contact, now time.Time) quota {
	q := quota{day: now.Format(time.DateOnly), limits: Limits{Business: cmp.Or(d.Limits.Business, 3), Total: cmp.Or(d.Limits.Total, 10)}}
	for kind, value := range p.ways() {
		q.contact = append(q.contact, q.day+"/all/"+d.Seal.Index(contactBucket, kind, value))
		for _, b := range businesses {
			q.business = append(q.business, q.day+"/one/"+d.Seal.Index(contactBucket, kind+" at business", value+"\x00"+b))
		}
	}
	return q
}

// codeQuota bounds the codes to one contact, over all drafts.
func (d *Desk) codeQuota(kind, value string, now time.Time) quota {
	q := quota{day: now.Format(time.DateOnly), limits: Limits{Total: cmp.Or(d.Limits.Codes, 12)}}
	q.contact = []string{q.day + "/code/" + d.Seal.Index(contactBucket, kind+" for codes", value)}
	return q
}

// check is Limited if another complaint would be one too many.
func (q quota) check(tx store.Tx) error {
	if over, err := reached(tx, q.business, q.limits.Business); over || err != nil {
		return cmp.Or(err, fault.New(fault.Limited, "complaint_limit_business", "%[1]d complaints against this business were filed today with this mobile or e-mail, and more are not taken; put all of it into one complaint, or go on tomorrow", q.limits.Business))
	}
	if over, err := reached(tx, q.contact, q.limits.Total); over || err != nil {
		return cmp.Or(err, fault.New(fault.Limited, "complaint_limit_day", "%[1]d complaints were filed today with this mobile or e-mail, and more are not taken; go on tomorrow", q.limits.Total))
	}
	return nil
}

// use checks and counts one more.
func (q quota) use(tx store.Tx) error {
	if err := q.check(tx); err != nil {
		return err
	}
	for _, keys := range [][]string{q.business, q.contact} {
		for _, key := range keys {
			n, err := counted(tx, key)
			if err != nil {
				return err
			}
			if err := store.Save(tx, contactBucket, key, n+1); err != nil {
				return err
			}
		}
	}
	return q.forget(tx)
}

// forget deletes counts of days before this one. Yesterday's stay: another
// node's clock may be behind.
func (q quota) forget(tx store.Tx) error {
	today, err := time.Parse(time.DateOnly, q.day)
	if err != nil {
		return err
	}
	keep := today.AddDate(0, 0, -1).Format(time.DateOnly)
	var gone []string
	err = tx.Scan(contactBucket, "", "", func(key string, _ []byte) error {
		if key >= keep || len(gone) == maxForgotten {
			return store.Stop
		}
		gone = append(gone, key)
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range gone {
		if err := tx.Delete(contactBucket, key); err != nil {
			return err
		}
	}
	return nil
}

func reached(tx store.Tx, keys []string, limit int) (bool, error) {
	for _, key := range keys {
		if n, err := counted(tx, key); err != nil || n >= limit {
			return err == nil, err
		}
	}
	return false, nil
}

func counted(tx store.Tx, key string) (int, error) {
	n, err := store.Load[int](tx, contactBucket, key)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	return n, err
}
