// Package repository holds the service's papers: statements and terms, by version.
//
// A Set has the practice statement, the disclosure statement and the terms in
// Persian and English. It comes with the program, or from a directory of the
// operator; either is checked whole before anything is served. A paper's hash
// is that of the file's octets, which are served as they are; Parse makes of
// them what a page shows.
package repository
