package status

import (
	"testing"
)

func TestMemoryForCRLsIsBounded(t *testing.T) {
	const each = 20 << 20
	var l lists
	for n := range 10 {
		s := l.of("sign-p256", n)
		kept := l.keep(s, &CRL{DER: make([]byte, each)})
		if s.current.Load() != kept {
			t.Fatalf("shard %d: what was just made is not kept", n)
		}
		l.keep(s, &CRL{DER: make([]byte, each)}) // anew: the first is not counted any more
	}
	held := 0
	for n := range 10 {
		if l.of("sign-p256", n).current.Load() != nil {
			held++
		}
	}
	if held != listsMost/each || l.octets != held*each {
		t.Errorf("%d CRLs of %d octets are held, counted as %d", held, each, l.octets)
	}
}
