// Package chipsim makes simulated passports, and the authorities that sign them.
//
// Trials and tests have no real chip. These are as ICAO Doc 9303 says, signed
// by an authority that nobody else trusts; what rests on them is simulated.
package chipsim
