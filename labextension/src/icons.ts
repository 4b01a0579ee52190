import { LabIcon } from '@jupyterlab/ui-components';

import modelSvg from '../style/icons/model.svg';
import moduleSvg from '../style/icons/module.svg';
import nbopsSvg from '../style/icons/nbops.svg';

export const nbopsIcon = new LabIcon({ name: 'nbops:nbops', svgstr: nbopsSvg });
export const moduleIcon = new LabIcon({ name: 'nbops:module', svgstr: moduleSvg });
export const modelIcon = new LabIcon({ name: 'nbops:model', svgstr: modelSvg });
