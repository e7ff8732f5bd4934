// Package control is the door to a running service for who may read its data.
//
// It is a Unix socket in the data directory that only the directory's owner
// can open: who comes through could read the store's file as well.
package control
