// Package load puts load on a service and measures what comes back.
//
// The client is lean, so that on a machine shared with the service it takes
// little of what it measures: requests are prepared octets, connections are
// opened before the clock starts and kept. A process that serves tells its own
// processor time and memory. ServeBare is what a service is compared with.
package load
