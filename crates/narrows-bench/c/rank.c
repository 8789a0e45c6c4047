/* The rows of narrows-bench-rank that MPI has, one sample per run of this program under mpirun.
 *
 * Arguments: load, amount (depth of the queue, or numbers of a vector), count. Rank 0 prints a figure per line: its name and a
 * number. Ends with status 1 when something came that was not sent; the kernel ends it when it takes too long. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int LONGEST_S = 60;
static const int TAG = 7;

static int rank, size;

static void *need(void *memory) {
    if (!memory) {
        fprintf(stderr, "no memory\n");
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    return memory;
}

static void verify(double found, double wanted) {
    if (found != wanted) {
        fprintf(stderr, "%.0f came, not %.0f\n", found, wanted);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
}

static void tell(double began, double count) {
    if (rank == 0) printf("ns %f\n", (MPI_Wtime() - began) * 1e9 / count);
}

/* One message of eight bytes goes round; every rank adds one to it. */
static void ring(long count) {
    long laps = count / size + 1, number = 0;
    int next = (rank + 1) % size, last = (rank + size - 1) % size;
    MPI_Barrier(MPI_COMM_WORLD);
    double began = MPI_Wtime();
    for (long lap = 0; lap < laps; lap++) {
        if (rank == 0) {
            number++;
            MPI_Send(&number, 1, MPI_LONG, next, TAG, MPI_COMM_WORLD);
        }
        MPI_Recv(&number, 1, MPI_LONG, last, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (rank != 0) {
            number++;
            MPI_Send(&number, 1, MPI_LONG, next, TAG, MPI_COMM_WORLD);
        }
    }
    tell(began, (double)laps * size);
    if (rank == 0) verify((double)number, (double)laps * size);
}

/* The sum of a vector of each rank; what each sends differs from time to time. */
static void all_reduce(int numbers, long count) {
    double *mine = need(malloc(numbers * sizeof(double))), *sum = need(malloc(numbers * sizeof(double)));
    for (int at = 0; at < numbers; at++) mine[at] = rank + at;
    MPI_Barrier(MPI_COMM_WORLD);
    double began = MPI_Wtime();
    for (long turn = 0; turn < count; turn++) {
        mine[0] = mine[numbers - 1] = (double)(turn + rank);
        MPI_Allreduce(mine, sum, numbers, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
        double wanted = (double)turn * size + size * (size - 1) / 2;
        verify(sum[0], wanted);
        verify(sum[numbers - 1], wanted);
    }
    tell(began, (double)count);
    verify(sum[1], size + size * (size - 1) / 2);
    free(mine);
    free(sum);
}

/* A tag other than the last ones, from anywhere in the queue. */
static unsigned scattered(unsigned long *state, int depth) {
    *state = *state * 6364136223846793005UL + 1442695040888963407UL;
    return (unsigned)((*state >> 33) % (unsigned long)depth);
}

/* So many messages lie there that nobody has asked for; one is taken out by its tag, and another put in. */
static void unexpected(int depth, long count) {
    long *numbers = need(calloc(depth, sizeof(long)));
    unsigned long state = 1;
    for (int tag = 0; tag < depth; tag++) MPI_Send(&numbers[tag], 1, MPI_LONG, 0, tag, MPI_COMM_SELF);
    double began = MPI_Wtime();
    for (long turn = 0; turn < count; turn++) {
        int tag = (int)scattered(&state, depth);
        long number;
        MPI_Recv(&number, 1, MPI_LONG, 0, tag, MPI_COMM_SELF, MPI_STATUS_IGNORE);
        verify((double)number, (double)numbers[tag]);
        number = ++numbers[tag];
        MPI_Send(&number, 1, MPI_LONG, 0, tag, MPI_COMM_SELF);
    }
    tell(began, (double)count);
    long number;
    for (int tag = 0; tag < depth; tag++) MPI_Recv(&number, 1, MPI_LONG, 0, tag, MPI_COMM_SELF, MPI_STATUS_IGNORE);
    free(numbers);
}

/* So many receives have been posted; a message comes for one of them, which is posted again. */
static void posted(int depth, long count) {
    long *numbers = need(calloc(depth, sizeof(long)));
    MPI_Request *requests = need(calloc(depth, sizeof(MPI_Request)));
    unsigned long state = 1;
    for (int tag = 0; tag < depth; tag++) MPI_Irecv(&numbers[tag], 1, MPI_LONG, 0, tag, MPI_COMM_SELF, &requests[tag]);
    double began = MPI_Wtime();
    for (long turn = 0; turn < count; turn++) {
        int tag = (int)scattered(&state, depth);
        MPI_Send(&turn, 1, MPI_LONG, 0, tag, MPI_COMM_SELF);
        MPI_Wait(&requests[tag], MPI_STATUS_IGNORE);
        verify((double)numbers[tag], (double)turn);
        MPI_Irecv(&numbers[tag], 1, MPI_LONG, 0, tag, MPI_COMM_SELF, &requests[tag]);
    }
    tell(began, (double)count);
    for (int tag = 0; tag < depth; tag++) {
        MPI_Cancel(&requests[tag]);
        MPI_Wait(&requests[tag], MPI_STATUS_IGNORE);
    }
    free(numbers);
    free(requests);
}

int main(int words, char **word) {
    alarm(LONGEST_S);
    MPI_Init(&words, &word);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (words != 4) {
        fprintf(stderr, "usage: load amount count\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    int amount = atoi(word[2]);
    long count = atol(word[3]);
    if (!strcmp(word[1], "ring")) {
        ring(count);
    } else if (!strcmp(word[1], "all-reduce")) {
        all_reduce(amount, count);
    } else if (!strcmp(word[1], "unexpected")) {
        unexpected(amount, count);
    } else if (!strcmp(word[1], "posted")) {
        posted(amount, count);
    } else {
        fprintf(stderr, "there is no such load\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    MPI_Finalize();
    return 0;
}
