package kubelet

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// ReplyOf takes the answer out of a client-go request, whatever its status. For
// an answer in plain text with an error status, which is how a kubelet refuses
// and how livez fails, client-go keeps code and body in the error only
// (rest/request.go, transformResponse). An error says that there was no answer.
func ReplyOf(r rest.Result) (Reply, error) {
	var reply Reply
	r.StatusCode(&reply.Code)
	r.ContentType(&reply.ContentType)
	body, err := r.Raw()
	reply.Body = body
	if err == nil {
		return reply, nil
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Code == 0 {
		return Reply{}, err
	}
	s := status.Status()
	if reply.Code == 0 {
		reply.Code = int(s.Code)
	}
	if len(reply.Body) == 0 {
		reply.Body = []byte(s.Message)
		if s.Details != nil {
			for _, c := range s.Details.Causes {
				reply.Body = []byte(c.Message)
			}
		}
	}
	return reply, nil
}
