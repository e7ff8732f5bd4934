// Package regulator answers what the regulator asks of the complaint record.
//
// How do complaints stand in the country, and how did they a year ago? What
// would another window policy have said of everybody's past? Are businesses of
// all sizes, sectors and regions treated alike? It reads the register and
// changes nothing in it.
package regulator
