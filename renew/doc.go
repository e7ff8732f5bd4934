// Package renew replaces a person's certificate by one for a new key, online.
//
// The holder signs a statement with the old key and proves possession of the
// new one; that says who asks. Whether they may is judged again from the
// start: the registers are asked and the current policy is run. The files
// follow the journey: authenticate, window, replace; what the old certificate
// says of its holder is read in subject.go, what the registers say in ask.go.
package renew
