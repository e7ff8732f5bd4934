// Package consistency finds where records, log, CRLs and answers contradict each other.
//
// A Check reads the register and the log, from a store or over the service's
// API, and where a service is given also what it publishes. Each
// contradiction is a Finding with a stable code; no finding means that all of
// them tell one story. It changes nothing.
package consistency
