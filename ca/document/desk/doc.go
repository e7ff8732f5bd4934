// Package desk is the page that judges signed documents for anyone.
//
// What is sent is judged in memory and kept nowhere. Of our own certificates it
// asks our own status service; of others' it knows what the document carries.
package desk
