/* The floor: files out of an archive by plain system calls, in 2 threads, with nothing checked and nothing hashed.

   floor ARCHIVE OUT LIST    LIST has a line "d FOLDER" a class, then "f NAME OFFSET SIZE" for each of its files.
*/
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS 2
#define WINDOW (4 << 20)
#define MOST_CLASSES 1024

struct file { char name[128]; long offset, size; };
struct class { char folder[128]; struct file *files; int count; };

static struct class classes[MOST_CLASSES];
static int class_count, next_class, archive, out;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *what) { perror(what); exit(1); }

static void write_class(struct class *c, char *window) {
    long start = 0, stop = 0;
    if (mkdirat(out, c->folder, 0755)) die(c->folder);
    int folder = openat(out, c->folder, O_RDONLY | O_DIRECTORY);
    struct file *last = &c->files[c->count - 1];
    for (int i = 0; i < c->count; i++) {
        struct file *f = &c->files[i];
        if (f->offset < start || f->offset + f->size > stop) {
            long want = last->offset + last->size - f->offset;
            start = f->offset;
            stop = start + pread(archive, window, want < WINDOW ? want : WINDOW, start);
        }
        int fd = openat(folder, f->name, O_WRONLY | O_CREAT | O_EXCL, 0644);
        if (fd < 0) die(f->name);
        if (write(fd, window + (f->offset - start), f->size) != f->size) die(f->name);
        close(fd);
    }
    close(folder);
}

static void *work(void *unused) {
    char *window = malloc(WINDOW);
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&lock);
        int mine = next_class++;
        pthread_mutex_unlock(&lock);
        if (mine >= class_count) return NULL;
        write_class(&classes[mine], window);
    }
}

static void read_list(const char *path) {
    FILE *list = fopen(path, "r");
    char kind, name[128];
    if (!list) die(path);
    while (fscanf(list, " %c %127s", &kind, name) == 2) {
        if (kind == 'd') {
            if (class_count == MOST_CLASSES) die("too many classes");
            strcpy(classes[class_count++].folder, name);
            continue;
        }
        struct class *c = &classes[class_count - 1];
        c->files = realloc(c->files, (c->count + 1) * sizeof *c->files);
        struct file *f = &c->files[c->count++];
        strcpy(f->name, name);
        if (fscanf(list, "%ld %ld", &f->offset, &f->size) != 2) die(path);
    }
    fclose(list);
}

int main(int argc, char **argv) {
    pthread_t threads[THREADS];
    if (argc != 4) return 2;
    read_list(argv[3]);
    archive = open(argv[1], O_RDONLY);
    mkdir(argv[2], 0755);
    out = open(argv[2], O_RDONLY | O_DIRECTORY);
    if (archive < 0 || out < 0) die("open");
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    return 0;
}
