/* Calls many C functions of the form `double f(void *state, int handle)` in one go.

   Reading 35 variables of a simulation one by one from Python costs 4 to 6 microseconds of a step of 80: each call
   is prepared anew. Where no compiler was there at installation, energyplus.py does the same from Python. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

typedef double (*reader)(void *state, int handle);
typedef int (*flag)(void *state);

/* read_all(state, functions: uintp[n], handles: intc[n], values: float64[n], refused) -> bool; fills `values`.
   Whether they are good: `int refused(void *state)` is asked once all are read. */
static PyObject *read_all(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    Py_buffer functions, handles, values;
    if (count != 5) {
        PyErr_SetString(PyExc_TypeError, "read_all(state, functions, handles, values, refused)");
        return NULL;
    }
    void *state = PyLong_AsVoidPtr(arguments[0]);
    if (state == NULL) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "state is a null pointer");
        return NULL;
    }
    flag refused = (flag)PyLong_AsVoidPtr(arguments[4]);
    if (refused == NULL) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "refused is a null pointer");
        return NULL;
    }
    int good = 0;
    if (PyObject_GetBuffer(arguments[1], &functions, PyBUF_C_CONTIGUOUS) != 0)
        return NULL;
    if (PyObject_GetBuffer(arguments[2], &handles, PyBUF_C_CONTIGUOUS) != 0)
        goto without_handles;
    if (PyObject_GetBuffer(arguments[3], &values, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) != 0)
        goto without_values;
    Py_ssize_t length = values.len / (Py_ssize_t)sizeof(double);
    if (functions.len != length * (Py_ssize_t)sizeof(reader) || handles.len != length * (Py_ssize_t)sizeof(int)) {
        PyErr_SetString(PyExc_ValueError, "functions, handles and values differ in length");
    } else {
        for (Py_ssize_t i = 0; i < length; i++)
            ((double *)values.buf)[i] = ((reader *)functions.buf)[i](state, ((int *)handles.buf)[i]);
        good = !refused(state);
    }
    PyBuffer_Release(&values);
without_values:
    PyBuffer_Release(&handles);
without_handles:
    PyBuffer_Release(&functions);
    if (PyErr_Occurred())
        return NULL;
    return PyBool_FromLong(good);
}

static PyMethodDef methods[] = {
    {"read_all", (PyCFunction)(void (*)(void))read_all, METH_FASTCALL, "Calls functions[i](state, handles[i]) into values[i]; not refused(state)."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_reads", NULL, 0, methods};

PyMODINIT_FUNC PyInit__reads(void)
{
    return PyModuleDef_Init(&definition);
}
