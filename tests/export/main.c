/* Answers samples from standard input with the model that the first argument numbers. */

#include <stdio.h>
#include <stdlib.h>

/* headers */

#define ANSWER(number, model, MODEL)                                          \
    case number: {                                                            \
        float inputs[MODEL##_INPUTS], outputs[MODEL##_OUTPUTS];               \
        while (fread(inputs, sizeof inputs, 1, stdin) == 1) {                 \
            model##_predict(inputs, outputs);                                 \
            if (fwrite(outputs, sizeof outputs, 1, stdout) != 1) {            \
                return 1;                                                     \
            }                                                                 \
        }                                                                     \
        return 0;                                                             \
    }

int main(int count, char **words)
{
    switch (count > 1 ? atoi(words[1]) : -1) {
/* cases */
    }
    return 1;
}
