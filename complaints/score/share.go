package score

import "math"

// Z95 is the 97.5 % quantile of the normal distribution.
const Z95 = 1.959963984540054

// Wilson returns the 95 % score interval of the share k of n (Wilson 1927),
// without a correction for continuity; n > 0.
func Wilson(k, n int) (low, high float64) {
	p, m, zz := float64(k)/float64(n), float64(n), Z95*Z95
	centre := p + zz/(2*m)
	half := Z95 * math.Sqrt(p*(1-p)/m+zz/(4*m*m))
	low, high = (centre-half)/(1+zz/m), (centre+half)/(1+zz/m)
	return max(low, 0), min(high, 1)
}

// Weight is how many complaints of the overall share Shrunk adds.
const Weight = 7

// Shrunk returns the share k of n drawn towards the overall share p, as if
// there had been Weight more complaints of it: few complaints move a business
// little away from p. n may be 0.
func Shrunk(k, n int, p float64) float64 {
	return (float64(k) + Weight*p) / (float64(n) + Weight)
}

// Rank returns the index of the nearest-rank quantile in a sorted list of n,
// ceil(tenths/10*n)-1, worked in whole numbers so that rounding cannot shift
// it; n > 0.
func Rank(tenths, n int) int { return max((tenths*n+9)/10-1, 0) }

// Rounded rounds to nine decimals, so that the same data gives the same text
// on every machine: the last bits of a float may differ by fused operations.
func Rounded(x float64) float64 { return math.Round(x*1e9) / 1e9 }
