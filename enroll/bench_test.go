package enroll_test

import (
	"testing"

	"mohr/ca"
)

// BenchmarkSubmit takes a request on an approved application to the
// certificate in the answer, one after the other, through the API.
func BenchmarkSubmit(b *testing.B) {
	d := newDesk(b, nil)
	b.StopTimer()
	for i := range b.N {
		p := person(i + 1)
		d.regs.know(p)
		a := d.approved(p, ca.NaturalSign)
		req := request(b)
		b.StartTimer()
		r := a.csr(req)
		b.StopTimer()
		if r.status != 200 {
			b.Fatalf("got %d %s", r.status, r.raw)
		}
	}
}
