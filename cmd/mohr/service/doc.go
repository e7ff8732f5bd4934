// Package service runs the whole program: rooms on common ground, behind four doors.
//
// Open makes the ground (store, keys, authority, log) of a data directory;
// Serve puts the rooms on it and serves. Commands that work on a stopped
// service take OpenStopped.
package service
