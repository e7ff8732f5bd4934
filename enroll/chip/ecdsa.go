package chip

import (
	"crypto/ecdsa"
	"math/big"
)

// point is a point of a curve; x is nil at infinity.
type point struct{ x, y *big.Int }

// on reports whether the point is one of the curve's, not at infinity.
func (c *curve) on(q point) bool {
	if q.x == nil || q.x.Sign() < 0 || q.y.Sign() < 0 || q.x.Cmp(c.p) >= 0 || q.y.Cmp(c.p) >= 0 {
		return false
	}
	right := new(big.Int).Mul(q.x, q.x) // (x^2 + a) x + b
	right.Add(right, c.a).Mul(right, q.x).Add(right, c.b)
	left := new(big.Int).Mul(q.y, q.y)
	return left.Sub(left, right).Mod(left, c.p).Sign() == 0
}

// add returns s + t, by the chord or the tangent (SEC 1, 2.2.1).
func (c *curve) add(s, t point) point {
	if s.x == nil {
		return t
	}
	if t.x == nil {
		return s
	}
	slope, under := new(big.Int), new(big.Int)
	if s.x.Cmp(t.x) == 0 {
		if under.Add(s.y, t.y).Mod(under, c.p).Sign() == 0 {
			return point{}
		}
		slope.Mul(s.x, s.x).Mul(slope, big.NewInt(3)).Add(slope, c.a)
		under.Lsh(s.y, 1)
	} else {
		slope.Sub(t.y, s.y)
		under.Sub(t.x, s.x)
	}
	slope.Mul(slope, under.ModInverse(under.Mod(under, c.p), c.p)).Mod(slope, c.p)
	x := new(big.Int).Mul(slope, slope)
	x.Sub(x, s.x).Sub(x, t.x).Mod(x, c.p)
	y := new(big.Int).Sub(s.x, x)
	y.Mul(y, slope).Sub(y, s.y).Mod(y, c.p)
	return point{x, y}
}

// combine returns u times the generator plus v times q.
func (c *curve) combine(u, v *big.Int, q point) point {
	g := point{c.gx, c.gy}
	step := [4]point{{}, g, q, c.add(g, q)}
	var r point
	for i := max(u.BitLen(), v.BitLen()) - 1; i >= 0; i-- {
		r = c.add(c.add(r, r), step[u.Bit(i)|v.Bit(i)<<1])
	}
	return r
}

// verify checks an ECDSA signature (SEC 1, 4.1.4) over a digest by the owner of
// q, which must be on the curve. The curves of the standard library are left to it.
func (c *curve) verify(q point, digest []byte, r, s *big.Int) bool {
	if r.Sign() <= 0 || s.Sign() <= 0 || r.Cmp(c.n) >= 0 || s.Cmp(c.n) >= 0 {
		return false
	}
	if c.nist != nil {
		key, err := ecdsa.ParseUncompressedPublicKey(c.nist, c.write(q, false))
		return err == nil && ecdsa.Verify(key, digest, r, s)
	}
	e := new(big.Int).SetBytes(digest)
	if over := 8*len(digest) - c.n.BitLen(); over > 0 {
		e.Rsh(e, uint(over))
	}
	w := new(big.Int).ModInverse(s, c.n)
	u := e.Mul(e, w)
	v := w.Mul(r, w)
	p := c.combine(u.Mod(u, c.n), v.Mod(v, c.n), q)
	return p.x != nil && new(big.Int).Mod(p.x, c.n).Cmp(r) == 0
}
