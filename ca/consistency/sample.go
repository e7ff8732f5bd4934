package consistency

import (
	"hash/fnv"
	"sort"

	"mohr/ca"
)

// sample keeps the certificates whose status is asked: so many as size says,
// all if it is 0, of every state. Which is decided by the serial's hash, so
// that every run over the same records asks the same.
type sample struct {
	size int
	kept []ranked // by rank, if size is not 0
}

type ranked struct {
	rank uint64
	c    ca.Certificate // without DER
}

// offer takes c into the sample, or leaves it.
func (s *sample) offer(c ca.Certificate) {
	h := fnv.New64a()
	h.Write([]byte(c.Serial))
	r := ranked{h.Sum64(), ca.Certificate{Serial: c.Serial, Issuer: c.Issuer, State: c.State, Revoked: c.Revoked}}
	if c.Revoked != nil || c.State != ca.Issued {
		r.rank /= 2 // what is not good is more telling
	}
	if s.size == 0 {
		s.kept = append(s.kept, r)
		return
	}
	at := sort.Search(len(s.kept), func(i int) bool { return s.kept[i].rank > r.rank })
	if at == s.size {
		return
	}
	s.kept = append(s.kept, ranked{})
	copy(s.kept[at+1:], s.kept[at:])
	s.kept[at] = r
	s.kept = s.kept[:min(len(s.kept), s.size)]
}
