// Package wire makes hosts on this machine and breaks the network between them.
//
// A host is a network namespace of Linux: what runs on it has addresses, routes
// and connections of its own, by the real kernel. All packets between hosts go
// through this process, which loses, holds back or lets through each way of
// each link. Nothing has a name outside: namespaces, devices and addresses are
// gone when the last process on them is, however this one ends.
//
// It needs root, /dev/net/tun and the program ip (Debian: iproute2).
package wire
