package engine

import (
	"reflect"
	"testing"

	"github.com/IBM/sarama"
)

// goka asks the consumer of a running processor for high watermarks once a
// minute: a method that is missing would end the process then.
func TestConsumerOfAGroupWithoutTableAnswersAll(t *testing.T) {
	consumer := reflect.ValueOf(noConsumer{})
	want := reflect.TypeFor[sarama.Consumer]()
	for i := range want.NumMethod() {
		name := want.Method(i).Name
		t.Run(name, func(t *testing.T) {
			method := consumer.MethodByName(name)
			args := make([]reflect.Value, method.Type().NumIn())
			for i := range args {
				args[i] = reflect.Zero(method.Type().In(i))
			}
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("panics: %v", r)
				}
			}()
			method.Call(args)
		})
	}
}
