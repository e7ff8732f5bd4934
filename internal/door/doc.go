// Package door bounds what one listener takes on, so that a flood is refused early.
//
// A Door counts connections and requests. Past its limits a connection is
// closed and a request refused before any work on it begins, and no network
// holds more than its part of either: what was let in is finished in good
// time, and memory has a bound. Each listener has a Door of its own, so that a
// flooded portal takes nothing from those who ask for a certificate's status.
package door
