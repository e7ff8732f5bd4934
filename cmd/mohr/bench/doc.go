// Package bench measures a running service beside a bare handler.
//
// The service, the reference registry and the bare handler are processes of
// their own, reached over the same transport by the same client. The bare
// handler is net/http that answers with the bytes of a real answer and does
// nothing else; its runs alternate with the service's, so that a ratio holds
// on a machine whose speed drifts. What a load uses up (approved
// applications, signed statements) is made before the clock starts.
package bench
