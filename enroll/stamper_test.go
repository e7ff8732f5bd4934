package enroll_test

import (
	"mohr/ca"
	"mohr/ca/timestamp"
)

// newStamper returns the real time-stamping unit, on the test's clock.
func newStamper(d *desk) *timestamp.Unit {
	d.t.Helper()
	unit, err := timestamp.New(timestamp.Config{
		Key:    d.ca.SigningKey(d.t, "tsu", ca.Service{Profile: ca.TimeStamping, CommonName: "Mohr Test TSU"}),
		Policy: []int{2, 999, 1, 9}, Clock: func() error { return nil }, Now: d.clock.now,
	})
	d.must(err)
	return unit
}
