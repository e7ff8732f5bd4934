package complaints_test

import (
	"math"
	"strconv"
)

func whole(n int) string { return strconv.Itoa(n) }

func real9(x float64) string { return strconv.FormatFloat(x, 'f', 9, 64) }

// sameFigure compares two figures to the ninth decimal, give or take one
// unit: two ways of rounding may differ there.
func sameFigure(a, b string) bool {
	if a == "" || b == "" {
		return a == b
	}
	x, err := strconv.ParseFloat(a, 64)
	if err != nil {
		return false
	}
	y, err := strconv.ParseFloat(b, 64)
	return err == nil && math.Abs(x-y) < 2e-9
}
