// Package opendata publishes the complaint record so that anyone can recompute it.
//
// Each day gets an edition: a file of the complaints that are new or changed at
// businesses whose record is public, a file of the figures that they give, the
// description of every column, and a signed manifest that binds the files, the
// rules and the edition before. What an edition said stays as it was; a
// correction is a line of a later one. Reading all editions up to a day gives
// every figure of that day, and Recompute does. No text, no name and no number
// of a complaint is in it.
package opendata
