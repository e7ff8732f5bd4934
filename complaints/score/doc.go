// Package score holds the statistics behind the complaint record, as pure functions.
//
// It knows lengths of time and counts, not complaints: the product-limit
// estimate of how long complaints stay open, with its interval and its
// restricted mean; the interval of a share; shares drawn towards the overall
// one for ranking; ranks of quantiles. What stands for a figure that the data
// cannot carry is false, never a number.
package score
