/* A blocking C call that takes turns with its caller: it has a stack of its own, and hands over at its callbacks.

   Nothing of Python runs on that stack, and the interpreter lock is kept throughout. A turn is two long jumps, where a
   callback into Python and two switches of greenlets, which copy the stack away and back, take 3 to 4 microseconds of
   a step of 80. Where there was no compiler at installation, or no ucontext, turns.py does the same with greenlets. */

#undef _FORTIFY_SOURCE /* its check of longjmp takes another stack for an error */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <setjmp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STACK_BYTES ((size_t)8 << 20)  /* as a main thread has by default */
#define GUARD_BYTES ((size_t)64 << 10) /* at its far end: a stack that overflows ends in a fault, not in other memory */

typedef int (*blocking)(void *state, int count, char **words);

typedef struct {
    PyObject_HEAD
    blocking call;
    void *state;
    Py_buffer words;
    char *stack;
    ucontext_t inside;     /* to get onto the stack */
    jmp_buf caller, place; /* from then on: no call of the system, as a switch by ucontext is two of */
    unsigned long thread;
    Py_ssize_t steps;
    int code;
    char stepped, ended;
} Turns;

static Turns *running; /* whose turn it is; only one can be, since the interpreter lock is kept */

static void hand_over(char stepped)
{
    Turns *self = running;
    self->stepped = stepped;
    if (_setjmp(self->place) == 0)
        _longjmp(self->caller, 1);
}

static void on_ready(void *state)
{
    hand_over(0);
}

static void on_step(void *state)
{
    running->steps++;
    hand_over(1);
}

static void run(void)
{
    Turns *self = running;
    self->code = self->call(self->state, (int)(self->words.len / (Py_ssize_t)sizeof(char *)), self->words.buf);
    self->stepped = 0;
    self->ended = 1;
    _longjmp(self->caller, 1);
}

static int begin(Turns *self)
{
    int kind = MAP_PRIVATE | MAP_ANONYMOUS;
    char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, kind, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, GUARD_BYTES, PROT_NONE) != 0 || getcontext(&self->inside) != 0) {
        if (stack != MAP_FAILED)
            munmap(stack, STACK_BYTES);
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    self->stack = stack;
    self->inside.uc_stack.ss_sp = stack;
    self->inside.uc_stack.ss_size = STACK_BYTES;
    makecontext(&self->inside, run, 0);
    self->thread = PyThread_get_thread_ident();
    return 0;
}

static PyObject *go_on(Turns *self, PyObject *Py_UNUSED(nothing))
{
    if (self->words.obj == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "made without a call");
        return NULL;
    }
    if (self->ended || (self->stack != NULL && self->thread != PyThread_get_thread_ident())) {
        PyErr_SetString(PyExc_RuntimeError, self->ended ? "the call has ended" : "the call belongs to another thread");
        return NULL;
    }
    int first = self->stack == NULL;
    if (first && begin(self) != 0)
        return NULL;
    running = self;
    if (_setjmp(self->caller) == 0) {
        if (first)
            setcontext(&self->inside);
        _longjmp(self->place, 1);
    }
    return PyBool_FromLong(self->stepped);
}

static int turns_init(Turns *self, PyObject *arguments, PyObject *names)
{
    Py_ssize_t call, state;
    PyObject *words;
    if (self->words.obj != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "made twice");
        return -1;
    }
    if (!PyArg_ParseTuple(arguments, "nnO", &call, &state, &words))
        return -1;
    self->call = (blocking)call;
    self->state = (void *)state;
    return PyObject_GetBuffer(words, &self->words, PyBUF_SIMPLE);
}

static void turns_dealloc(Turns *self) /* a call that has not ended is given up where it stands */
{
    if (self->stack != NULL)
        munmap(self->stack, STACK_BYTES);
    PyBuffer_Release(&self->words);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef methods[] = {
    {"go_on", (PyCFunction)go_on, METH_NOARGS, "Runs the call until it hands over; whether a step has ended."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"steps", T_PYSSIZET, offsetof(Turns, steps), READONLY, "Ends of steps that were handed over."},
    {"code", T_INT, offsetof(Turns, code), READONLY, "What the call returned."},
    {"ended", T_BOOL, offsetof(Turns, ended), READONLY, "Whether the call has returned."},
    {NULL, 0, 0, 0, NULL},
};

static PyTypeObject type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "airhandler.buildings._turns.OnOwnStack",
    .tp_doc = "OnOwnStack(call, state, words): `int call(state, count, words)` that takes turns with its caller.",
    .tp_basicsize = sizeof(Turns),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)turns_init,
    .tp_dealloc = (destructor)turns_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_turns", NULL, -1, NULL};

PyMODINIT_FUNC PyInit__turns(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    if (PyModule_AddType(module, &type) != 0 || PyModule_AddObject(module, "ON_READY", PyLong_FromVoidPtr(on_ready)) != 0
        || PyModule_AddObject(module, "ON_STEP", PyLong_FromVoidPtr(on_step)) != 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
