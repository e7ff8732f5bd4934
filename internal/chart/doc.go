// Package chart draws figures as SVG that has a name and reads both ways.
//
// What it draws carries no style of its own: colours, sizes of letters and what
// is left out on a small screen are the style sheet's, by class, so that a
// policy without inline styles, dark screens and paper are served by the same
// picture. In a right-to-left frame time runs from right to left and bars grow
// to the left. A picture never stands alone: its figures belong in a table
// beside it.
package chart
