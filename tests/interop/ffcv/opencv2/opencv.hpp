#include <opencv2/imgproc.hpp> // see opencv4.pc
