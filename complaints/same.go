package complaints

import (
	"errors"
	"slices"
	"strings"

	"mohr/ca"
	"mohr/internal/store"
)

// sameBucket finds complaints of one consumer about one order at one business:
// blind index/complaint -> true.
const sameBucket = "complaints_same"

// maxSame bounds how many such complaints are looked at.
const maxSame = 20

// sameKeys returns the blind indexes of the consumer's order at the business,
// one for each way to reach the consumer.
func (d *Desk) sameKeys(p private, b ca.BusinessID) (keys []string) {
	order := fold(p.Purchase.Order)
	for kind, value := range p.Contact.ways() {
		keys = append(keys, d.Seal.Index(sameBucket, kind, strings.Join([]string{value, string(b), order}, "\x00")))
	}
	return keys
}

// remember makes the complaint findable under the indexes.
func remember(tx store.Tx, keys []string, id string) error {
	for _, k := range keys {
		if err := store.Save(tx, sameBucket, k+"/"+id, true); err != nil {
			return err
		}
	}
	return nil
}

// samePurchase returns the other complaints under the indexes, at most
// maxSame an index, by id.
func samePurchase(tx store.Tx, keys []string, id string) (ids []string, err error) {
	for _, k := range keys {
		n := 0
		err := tx.Scan(sameBucket, k+"/", "", func(key string, _ []byte) error {
			if other := strings.TrimPrefix(key, k+"/"); other != id {
				ids = append(ids, other)
			}
			if n++; n > maxSame {
				return store.Stop
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// most returns the largest of the counts under the keys.
func most(tx store.Tx, keys []string) (n int, err error) {
	for _, k := range keys {
		c, err := counted(tx, k)
		if err != nil {
			return 0, err
		}
		n = max(n, c)
	}
	return n, nil
}

// sameConsumer reports whether the two complaints have a way to reach their
// consumer in common.
func sameConsumer(a, b private) bool {
	for kind, value := range a.Contact.ways() {
		if b.Contact.ways()[kind] == value {
			return true
		}
	}
	return false
}

var errNoEvents = errors.New("complaints: a complaint without events")
