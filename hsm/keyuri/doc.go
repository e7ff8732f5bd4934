// Package keyuri reads and writes the URIs that name keys and their homes.
package keyuri
