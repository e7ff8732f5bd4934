// Package picture takes pictures of strangers apart and keeps what is picture.
//
// What a file is, is read from its octets; its name and what a browser says of
// it count for nothing. What a camera writes beside the picture, the place, the
// day and the device, is left out. Nothing is decoded: a picture that is small
// as a file and enormous as a picture costs no more than its octets.
package picture
