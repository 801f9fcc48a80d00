package gorann

// The paper's 18 nets and its mixer, all in the race, as fast as the reference program trains
// them: no tests of the mixture in between, and no net leaves before 100,000 samples. Prints
// samples/s. The mixer itself trains; its embedded network would leave the nets as they are.

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
	"time"
)

func Test_peer(t *testing.T) {
	const samples = 30000
	input, output := NeuLayerConfig{size: 16}, NeuLayerConfig{"sigmoid", 16}
	nets := []NeuNetworkInterface{}
	for hidden := 16; hidden <= 56; hidden += 8 {
		for layers := 1; layers <= 3; layers++ {
			tunables := &NeuTunables{gdalgname: RMSprop, batchsize: 10, winit: Xavier}
			nets = append(nets, NewNeuNetwork(input, NeuLayerConfig{"sigmoid", hidden}, layers, output, tunables))
		}
	}
	x, y := newMatrix(samples, 16), newMatrix(samples, 16)
	for i := range x {
		number := 1 + rand.Intn(65534)
		result := int(1000 * math.Log(float64(number)))
		for bit := uint(0); bit < 16; bit++ {
			x[i][bit], y[i][bit] = float64(number>>bit&1), float64(result>>bit&1)
		}
	}
	first := nets[0].getLayer(0).weights[0][0]
	ttp := &TTP{nn: NewWeightedGradientNN(nets...), resultset: y, maxbackprops: samples, sequential: true}
	start := time.Now()
	ttp.Train(TtpArr(x))
	seconds := time.Since(start).Seconds()
	if nets[0].getLayer(0).weights[0][0] == first {
		t.Fatal("the nets have not learned")
	}
	fmt.Printf("%.0f\n", samples/seconds)
}
