import '../style';

export { CellsSection } from './cells';
export { EndpointsSection } from './endpoints';
export { LineageSection } from './lineage';
export { ModelsSection } from './models';
export { ModulesSection } from './modules';
export { NotebookSection } from './notebook';
export { RunsSection } from './runs';
export { SchedulesSection } from './schedules';
export { SweepsSection } from './sweeps';
