// Package figures measures everything and makes docs/performance.md of it.
//
// What was measured is kept in a book, a file that a run which was stopped
// takes up again. The page compares it with the targets of the project and
// shows where the processor time goes.
package figures
